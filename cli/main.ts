#!/usr/bin/env node
import { Command } from "commander";
import { emulatorCommand } from "./emulator";
import { generateUsersCommand } from "./generateUsers";
import { purgeCommand } from "./purge";
import { signInCommand } from "./signIn";
import { stopCommand } from "./stop";
import { validateCommand } from "./validate";
import { verifyCommand } from "./verify";
import { workerCommand } from "./worker";

const program = new Command("pulumi-auth0-user-import")
  .description("Companion of the Pulumi provider that moves users into Auth0.")
  .addCommand(emulatorCommand())
  .addCommand(generateUsersCommand())
  .addCommand(purgeCommand())
  .addCommand(signInCommand())
  .addCommand(stopCommand())
  .addCommand(validateCommand())
  .addCommand(verifyCommand())
  .addCommand(workerCommand());

program.parseAsync().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
