import { askOnce } from "../provider/tenant/askOnce";
import { isLoopback } from "../provider/tenant/credentials";

/** Whether the emulator answers there: it alone has a route of this name, and it serves no other machine. */
export async function isEmulator(origin: string): Promise<boolean> {
  if (!isLoopback(new URL(origin).hostname)) return false;
  const { status, answer } = await askOnce(origin, "/emulator", "looking for the emulator", {});
  return status === 200 && (answer as { emulator?: unknown } | undefined)?.emulator === "pulumi-auth0-user-import";
}
