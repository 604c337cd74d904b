import { findPulumi } from "../../tools/findPulumi";

/** Once, before the first test: a Pulumi CLI, so that no two test files build one at the same time. */
export async function mochaGlobalSetup(): Promise<void> {
  await findPulumi(console.log);
}
