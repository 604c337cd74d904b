import { getSystemErrorMap } from "node:util";

/** Why a system call failed, in the system's words («permission denied»): Node's own message adds the absolute path. */
export function systemReason(error: unknown): string {
  const errno = error instanceof Error && "errno" in error ? error.errno : undefined;
  const known = typeof errno === "number" ? getSystemErrorMap().get(errno) : undefined;
  if (known === undefined) {
    throw error;
  }
  return known[1];
}
