import * as pulumi from "@pulumi/pulumi";

/**
 * Batches that go through a queue are to be there all at once, so that workers have always one to take: the engine
 * hands over no more than it works on at a time, by default four for each core.
 *
 * @throws pulumi.RunError where it works on too few. What it works on is not known to programs of the Automation API.
 */
export function refuseLittleParallel(name: string, batches: number): void {
  if (new pulumi.Config("auth0-user-import").getSecret("queue") === undefined) return;
  const parallel = Number(process.env.PULUMI_NODEJS_PARALLEL);
  if (!(parallel >= 1 && parallel < batches + 1)) return;
  throw new pulumi.RunError(
    `UserImport "${name}": with auth0-user-import:queue all of its ${batches} batches are handed over at once, and Pulumi works on ${parallel} resources at a time. Run it with --parallel ${batches + 1}, or set PULUMI_PARALLEL=${batches + 1}.`,
  );
}
