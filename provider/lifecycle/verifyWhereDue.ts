import type { ReadSource } from "../plan/readSource";
import type { BatchReview } from "../resources/finalizer";
import { toRanges } from "../results/ranges";
import { type BatchToVerify, batchesToVerify } from "./toVerify";
import {
  type Asked,
  type Checked,
  isDue,
  keptOf,
  type LastVerification,
  missingRecords,
  stillMissing,
  type VerifyInputs,
  type VerifyOutputs,
  withMissing,
} from "./verification";

/** What a review knows when it comes to the verification. */
export interface ReviewOptions {
  readonly inputs: VerifyInputs & {
    readonly resultsDir: string;
    readonly resourceUrn: string;
    readonly transform?: string | undefined;
  };
  readonly olds: VerifyOutputs;
  /** How the batches ended. */
  readonly reviews: readonly BatchReview[];
  /** Of the import. */
  readonly name: string;
  readSource(): Promise<ReadSource>;
}

const NOT_ALL_HERE =
  "Nothing is verified in this run: not all batches are in it, as with --target. Run `pulumi up` without it.";

const OTHER_FILES =
  "Nothing is verified in this run: the batches were not all imported from the users files as they are now. Run `pulumi up` again, without --target.";

/** Verifies who is there, where that is due; else says again what is known. Throws nothing but what is a fault of ours. */
export async function verifyWhereDue(options: ReviewOptions): Promise<Checked> {
  const { inputs, olds, reviews, readSource } = options;
  const { verified } = olds;
  // What was seen once stays known: nobody who has gone since is to be missing when `verify` is true again.
  const lasting: VerifyOutputs = verified === undefined ? {} : { verified };
  if (inputs.verify !== true) return { kept: lasting, reviews, isNew: false };
  const { maxMissing, verifyTriggers } = inputs;
  const asked = {
    ...(maxMissing === undefined ? {} : { maxMissing }),
    ...(verifyTriggers === undefined ? {} : { verifyTriggers }),
  };
  const notRead = (reason: string, fails: boolean): Checked => ({
    kept: { ...lasting, ...asked, verifyDue: "notRead" },
    ...{ reviews, isNew: false, problem: { reason, fails } },
  });
  const batches = batchesToVerify(inputs.resultsDir, reviews.length);
  if (batches === undefined) return notRead(NOT_ALL_HERE, false);
  const read = await readSource();
  const isOfIt = ({ applied, digest }: BatchToVerify, i: number) =>
    digest === read.source.digest || applied === read.shareDigest(i);
  if (!batches.every(isOfIt)) return notRead(OTHER_FILES, false);
  if (!isDue(olds, inputs, batches))
    return asBefore(lasting.verified as LastVerification, asked, batches, reviews, read);
  try {
    const { verifyNow } = await import("./verifyNow.js");
    return await verifyNow(options, asked, batches, read);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return notRead(
      `${reason} Who is in the connection is not verified. All that was imported is saved. Run \`pulumi up\` again.`,
      true,
    );
  }
}

/** Nothing was sent since: who was missing is so still, as far as is known. */
async function asBefore(
  verified: LastVerification,
  asked: Asked,
  batches: readonly BatchToVerify[],
  reviews: readonly BatchReview[],
  read: ReadSource,
): Promise<Checked> {
  const { verification, details, evidence } = verified;
  const missing = await stillMissing(verified, batches, read);
  const all = missing.flat().sort((a, b) => a - b);
  const records = await missingRecords(read, all);
  return {
    kept: keptOf(verified, asked, records),
    report: { verification, details, evidence, exceptions: [] },
    reviews: reviews.map((review, i) =>
      withMissing(
        review,
        (missing[i] ?? []).map(() => "imported"),
      ),
    ),
    ...(all.length === 0 ? {} : { missing: { at: toRanges(all), records } }),
    isNew: false,
  };
}
