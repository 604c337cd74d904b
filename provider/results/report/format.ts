export { count } from "../../progress/batchProgress";

/** 5 of 8,000 → `0.06%`; what is not nothing is never shown as `0%`, what is not all never as `100%`. */
export function share(part: number, whole: number): string {
  if (whole === 0 || part === 0) return "0%";
  if (part === whole) return "100%";
  const percent = (100 * part) / whole;
  if (percent < 0.01) return "< 0.01%";
  if (percent > 99.99) return "> 99.99%";
  return `${Number(percent.toFixed(percent < 1 || percent > 99 ? 2 : 1))}%`;
}

/** `0.4 s`, `8 s`, `1 min 15 s`, `2 h 31 min`, `3 days 4 h`. */
export function duration(ms: number): string {
  if (ms < 9_950) return `${Number((ms / 1_000).toFixed(1))} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return two(Math.floor(seconds / 60), "min", seconds % 60, "s");
  const minutes = Math.round(seconds / 60);
  if (minutes < 1_440) return two(Math.floor(minutes / 60), "h", minutes % 60, "min");
  const hours = Math.round(minutes / 60);
  const days = Math.floor(hours / 24);
  return two(days, days === 1 ? "day" : "days", hours % 24, "h");
}

function two(large: number, unit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smallUnit}`;
}

/** `512 bytes`, `491 KB`, `1.2 GB`; in powers of ten, as Auth0 counts its limit. */
export function bytes(n: number): string {
  if (n < 1_000) return `${n} bytes`;
  const power = Math.min(3, Math.floor(Math.log10(n) / 3));
  const value = n / 1_000 ** power;
  return `${Number(value.toFixed(value < 10 ? 1 : 0))} ${["", "KB", "MB", "GB"][power]}`;
}

/** Users in a second, or in a minute where they are few. */
export function speed(usersPerSecond: number): string {
  const few = usersPerSecond < 1;
  const value = few ? usersPerSecond * 60 : usersPerSecond;
  return `${Number(value.toFixed(value < 10 ? 1 : 0)).toLocaleString("en-US")} users/${few ? "min" : "s"}`;
}

/** `21:04:13`, UTC. */
export function time(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}

const DAY = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "short", year: "numeric" });

/** `23 Nov 2025`, UTC. */
export function day(ms: number): string {
  return DAY.format(ms);
}

/** `23 Nov 2025, 21:04:13`, UTC. */
export function dateAndTime(ms: number): string {
  return `${day(ms)}, ${time(ms)}`;
}
