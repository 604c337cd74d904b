import { createHash } from "node:crypto";
import type { BatchReview, ReviewedBatch } from "../resources/finalizer";
import type { SourceInfo } from "../results/types";

/**
 * Which batches the last run was about, in their order. An edit concerns those alone whose users it is about; the others
 * end as they were, and what they tell is of an earlier run.
 *
 * @param reviews what they tell now.
 * @param before what was kept of the last review; absent where there was none, or an early 0.1 did not keep it.
 */
export function reviewRuns(
  reviews: readonly BatchReview[],
  { digest }: SourceInfo,
  before: readonly ReviewedBatch[] | undefined,
): ReviewedBatch[] {
  const prints = reviews.map(fingerprint);
  const isNews = prints.some((review, i) => review !== before?.[i]?.review);
  return prints.map((review, i) => {
    const earlier = before?.[i];
    // A file that is put back has a digest of which earlier runs were, too: a batch that tells the same as then had no part.
    const hasRun = earlier === undefined || (isNews ? review !== earlier.review : earlier.isOfLastRun);
    return { review, isOfLastRun: hasRun && reviews[i]?.source.digest === digest };
  });
}

/** What a batch adds to a run: where that was not about it, all of its users are as they were. */
export function partInRun(review: BatchReview, isOfRun: boolean): BatchReview {
  if (isOfRun) return review;
  const { inserted, updated, adopted, unchanged, ...others } = review.summary;
  const summary = {
    ...others,
    inserted: 0,
    updated: 0,
    adopted: 0,
    unchanged: unchanged + inserted + updated + adopted,
  };
  return { ...review, summary, jobs: [], interruptions: [] };
}

/** Whether a batch lists records by their places in the files, which every edit may move. */
export function listsPlaces({ failedAt, differences, passwordResets }: Listed): boolean {
  return failedAt.length > 0 || differences.length > 0 || passwordResets > 0;
}

type Listed = Pick<BatchReview, "failedAt" | "differences" | "passwordResets">;

/** Of all that a batch tells, whatever its name. */
function fingerprint({ batch: _, ...review }: BatchReview): string {
  return createHash("sha256").update(JSON.stringify(review)).digest("hex");
}
