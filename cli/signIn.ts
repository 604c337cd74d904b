import { Command } from "commander";

/** All passwords are right. Not all are, or not all were tried. It could not go on. */
export type ExitCode = 0 | 1 | 2;

const FAILED = 2;

export interface SignInFlags {
  readonly connection: string;
  readonly yes?: true;
}

/** `sign-in`: proves that imported hashes fit the passwords that they were made of. */
export function signInCommand(): Command {
  return new Command("sign-in")
    .description("Sign users in by their passwords, to see whether the imported hashes fit them.")
    .argument("<logins>", "CSV file with the columns username and password, which its owner alone may read (mode 0600)")
    .requiredOption("--connection <name>", "name of the connection that they are in")
    .option("--yes", "do it on another host than the emulator, where it changes the users")
    .addHelpText("after", help)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : FAILED))
    .action(run);
}

const help = `
The environment variables AUTH0_DOMAIN, AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET name the tenant, and an
application of it that has the grant "Password" and is enabled for the connection. Whether a user has signed in
before is looked up with AUTH0_API_TOKEN, or by the application itself where it has the scope read:users.

On another host than the emulator, at most 20 users are signed in, one in six seconds, each once, and nobody who
has signed in before. It stops at the second wrong password, and when Auth0 says that there were too many.

Ends with 0 where all passwords are right; with 1 where one is not, or was not tried; with 2 where it could not
go on, or was not to begin.`;

async function run(file: string, flags: SignInFlags): Promise<void> {
  // Loaded here, so that the other commands don't pay for it.
  const { signInUsers } = await import("./signInUsers.js");
  process.exitCode = await signInUsers(file, flags).catch((error: unknown): ExitCode => {
    console.error(error instanceof Error ? error.message : String(error));
    return FAILED;
  });
}
