import type { Credentials } from "../provider/tenant/credentials";
import { parseQueueUrl, QueueError, queueNameOf } from "./queueUrl";
import { Seal } from "./seal";

/** What is wrong with the setting of a queue, as far as that can be told without asking it. */
export function queueProblem(url: string, credentials: Credentials | undefined): string | undefined {
  try {
    parseQueueUrl(url);
    if (credentials !== undefined) Seal.by(credentials, queueNameOf(credentials.origin));
    return undefined;
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
    return error.message;
  }
}
