import { Command, InvalidArgumentError } from "commander";

interface GenerateFlags {
  readonly users: number;
  readonly seed: number;
  readonly wrong?: true;
  readonly passwords?: string;
  readonly out: string;
}

/** `generate-users`: users to rehearse with, whose passwords are known. */
export function generateUsersCommand(): Command {
  return new Command("generate-users")
    .description("Write made-up users to rehearse with, as Auth0 exports them, and the key to their passwords.")
    .requiredOption("--out <file>", "where the users go, as NDJSON")
    .option("--passwords <file>", "give them passwords by every algorithm that Auth0 takes, and write these as CSV")
    .option("--users <count>", "how many", wholeNumber, 5_000)
    .option("--seed <number>", "the same one makes the same users", wholeNumber, 1)
    .option("--wrong", "make some of them wrong in the ways that Auth0 refuses")
    .action(generate);
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("Expected a whole number.");
  return Number(text);
}

async function generate({ out, passwords, wrong, ...options }: GenerateFlags): Promise<void> {
  if (passwords !== undefined && wrong) throw new Error("--passwords and --wrong exclude each other.");
  if (out === passwords) throw new Error("--out and --passwords name the same file.");
  // Loaded here, so that the other commands don't pay for it.
  const { writeUsers, writeUsersWithPasswords } = await import("../tools/generate-users.js");
  if (passwords !== undefined) await writeUsersWithPasswords(out, passwords, options);
  else await writeUsers(out, { ...options, wrong: wrong ?? false });
}
