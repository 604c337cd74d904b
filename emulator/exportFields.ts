/** One column of an export: where its value stands in a profile, and its key or header. */
export interface ExportField {
  name: string;
  export_as?: string;
}

export type ExportFormat = "json" | "csv";

/** Renders profiles, one a line, of whichever form. */
export interface LineWriter {
  /** What stands before the first line. */
  readonly head: string;
  line(profile: Record<string, unknown>): string;
}

/** What an export has that names no fields. */
const defaultFields: readonly ExportField[] = [
  { name: "user_id", export_as: "Id" },
  { name: "given_name", export_as: "Given Name" },
  { name: "family_name", export_as: "Family Name" },
  { name: "nickname", export_as: "Nickname" },
  { name: "name", export_as: "Name" },
  { name: "email", export_as: "Email" },
  { name: "email_verified", export_as: "Email Verified" },
  { name: "picture", export_as: "Picture" },
  { name: "identities[0].connection", export_as: "Connection" },
  { name: "created_at", export_as: "Created At" },
  { name: "updated_at", export_as: "Updated At" },
];

/** @param absent how JSON shows a value that the user lacks */
export function lineWriter(
  format: ExportFormat,
  fields: readonly ExportField[] = defaultFields,
  absent: "missing" | "null" = "missing",
): LineWriter {
  const columns = fields.map(({ name, export_as = name }) => ({ key: export_as, path: stepsOf(name) }));
  if (format === "csv") {
    return {
      head: `${columns.map(({ key }) => quoted(key)).join(",")}\n`,
      line: (profile) => `${columns.map(({ path }) => cell(valueAt(profile, path))).join(",")}\n`,
    };
  }
  return {
    head: "",
    line(profile) {
      const row: Record<string, unknown> = {};
      for (const { key, path } of columns) {
        const value = valueAt(profile, path);
        if (value !== undefined) row[key] = value;
        else if (absent === "null") row[key] = null;
      }
      return `${JSON.stringify(row)}\n`;
    },
  };
}

/** `identities[0].connection` is `["identities", "0", "connection"]`. */
function stepsOf(name: string): readonly string[] {
  return name
    .replaceAll(/\[(\d+)\]/g, ".$1")
    .split(".")
    .filter((step) => step !== "");
}

/** Any name is taken, also one that nobody has. */
function valueAt(profile: Record<string, unknown>, path: readonly string[]): unknown {
  let value: unknown = profile;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

/** Texts have an apostrophe before them, so that no spreadsheet takes one for a formula. */
function cell(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string"
    ? quoted(`'${value}`)
    : quoted(typeof value === "object" ? JSON.stringify(value) : `${value}`);
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) || text.startsWith("'") ? `"${text.replaceAll('"', '""')}"` : text;
}
