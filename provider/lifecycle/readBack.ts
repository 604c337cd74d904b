import { readFileSync } from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { keyId } from "../ledger/fingerprint";
import { Ledger } from "../ledger/ledger";
import type { ReadSource } from "../plan/readSource";
import type { BatchReview } from "../resources/finalizer";
import { toRanges } from "../results/ranges";
import { MISSING_USERS } from "../results/resultsFolder";
import type { FailedRecord } from "../results/types";
import { removeWholeFile, writeWholeFile } from "../results/wholeFile";
import { projectFolder } from "../source";
import { tenantOf } from "../tenant/client";
import { resolveLimits } from "../tenant/credentials";
import { preflight } from "../tenant/preflight";
import { type Circumstances, digestsOf, ranBy } from "../verification/evidence";
import type { Imported } from "../verification/expected";
import { packPrints, unpackPrints } from "../verification/prints";
import { NotVerified, type Verified, verifyImport } from "../verification/verify";
import { batchName, durationMs, USUAL_CENSUS_TIMEOUT } from "./batch";
import { credentialsFor } from "./credentials";
import { config, log } from "./engine";
import type { MissingFile } from "./missingUsers";
import { endWithoutEngine, stop, whileWatched } from "./stop";
import { type BatchToVerify, batchesToVerify } from "./toVerify";
import {
  type Checked,
  isDue,
  type LastVerification,
  missingRecords,
  stillMissing,
  type VerifyInputs,
  type VerifyOutputs,
  withMissing,
} from "./verification";

/** What a review knows when it comes to the verification. */
export interface ReadBackOptions {
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
export async function readBack(options: ReadBackOptions): Promise<Checked> {
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
    return await verifyNow(options, asked, batches, read);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return notRead(
      `${reason} Who is in the connection is not verified. All that was imported is saved. Run \`pulumi up\` again.`,
      true,
    );
  }
}

/** The arguments by which it was judged. */
type Asked = Pick<VerifyOutputs, "maxMissing" | "verifyTriggers">;

function keptOf(verified: LastVerification, asked: Asked, missingRecords: readonly FailedRecord[]): VerifyOutputs {
  const { verification } = verified;
  return { ...asked, verification, verified, ...(missingRecords.length === 0 ? {} : { missingRecords }) };
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

async function verifyNow(
  options: ReadBackOptions,
  asked: Asked,
  batches: readonly BatchToVerify[],
  read: ReadSource,
): Promise<Checked> {
  const { inputs, reviews } = options;
  const verified = await readConnection(options, batches, read);
  const { verification, details, missing, missingOf } = verified;
  const circumstances = await circumstancesOf(options, batches, read);
  const { writeVerification } = await import("../results/verificationFiles.js");
  const report = await writeVerification(inputs.resultsDir, verified, circumstances);
  const last: LastVerification = {
    batches: batches.map(({ runNumber }, i) => ({ run: runNumber, missing: packPrints(missingOf[i]?.prints ?? []) })),
    ...{ verification, details, evidence: report.evidence },
  };
  await leaveForTriggers(inputs.resultsDir, batches, last);
  const records = await missingRecords(read, missing);
  return {
    kept: keptOf(last, asked, records),
    report,
    reviews: reviews.map((review, i) => withMissing(review, missingOf[i]?.states ?? [])),
    ...(missing.length === 0 ? {} : { missing: { at: toRanges([...missing]), records } }),
    isNew: true,
  };
}

async function readConnection(
  { inputs, olds }: ReadBackOptions,
  batches: readonly BatchToVerify[],
  read: ReadSource,
): Promise<Verified> {
  const { resourceUrn, resultsDir } = inputs;
  const [first] = batches as readonly [BatchToVerify, ...BatchToVerify[]];
  const { connectionId, key, generateUserIds, censusTimeout = USUAL_CENSUS_TIMEOUT } = first.inputs;
  const tenant = tenantOf(credentialsFor(first.inputs), resolveLimits(config));
  const { problem, rules } = await preflight(tenant, connectionId, true);
  if (problem !== undefined) throw new NotVerified(problem);
  const imported: Imported = {
    ...{ connectionId, key, generateUserIds, read },
    batches: batches.map(({ ledger, runEnds }, i) => {
      const before = olds.verified?.batches[i];
      return {
        ledger: Ledger.decode(ledger),
        ends: new Map(Object.entries(runEnds).map(([run, end]) => [Number(run), Date.parse(end)])),
        ...(before === undefined ? {} : { verified: { run: before.run, missing: unpackPrints(before.missing) } }),
      };
    }),
  };
  const signal = AbortSignal.any([stop, timeLimit(censusTimeout, first.inputs.deadline)]);
  const show = (line: string) => void log.live(resourceUrn, line);
  const work = whileWatched(
    path.resolve(resultsDir, "journal", `${batchName(resourceUrn)}.ndjson`),
    () => {},
    () =>
      verifyImport(imported, tenant, {
        connection: first.connection ?? rules?.connection,
        onProgress: (line) => show(line ?? ""),
        onRetry: () => {},
        stop: signal,
      }),
  );
  // Where Pulumi is gone, nobody would ever ask this process for anything again.
  return work.finally(endWithoutEngine);
}

/** Aborted when `censusTimeout` or the run's `deadline` has come. */
function timeLimit(censusTimeout: string, deadline: string | undefined): AbortSignal {
  const controller = new AbortController();
  const end = (name: string, milliseconds: number) => {
    const text = `The connection was not read back in time (${name}).`;
    setTimeout(() => controller.abort(new NotVerified(text)), Math.max(0, milliseconds)).unref();
  };
  end("censusTimeout", durationMs(censusTimeout) ?? 0);
  const left = durationMs(deadline);
  if (left !== undefined) end("deadline", performance.timeOrigin + left - Date.now());
  return controller.signal;
}

async function circumstancesOf(
  { inputs, name }: ReadBackOptions,
  batches: readonly BatchToVerify[],
  { source }: ReadSource,
): Promise<Circumstances> {
  const { maxMissing = 0, verifyTriggers = [], resourceUrn, transform } = inputs;
  const [first] = batches as readonly [BatchToVerify, ...BatchToVerify[]];
  const {
    connectionId,
    onExisting,
    generateUserIds,
    unsupportedPasswordHash,
    censusTimeout = USUAL_CENSUS_TIMEOUT,
  } = first.inputs;
  const [head = "", project = ""] = resourceUrn.split("::");
  const cwd = process.cwd();
  return {
    tenant: new URL(credentialsFor(first.inputs).origin).host,
    connectionId,
    project,
    stack: head.slice(head.lastIndexOf(":") + 1),
    name,
    arguments: {
      ...{ onExisting, generateUserIds, unsupportedPasswordHash, batches: batches.length },
      // They may hold anything.
      ...{ maxMissing, verifyTriggers: verifyTriggers.length, censusTimeout },
    },
    versions: { package: packageVersion(), node: process.versions.node },
    ranBy: ranBy(),
    ...(await digestsOf(source, cwd, transform, projectFolder(cwd))),
  };
}

function packageVersion(): string {
  const manifest = readFileSync(path.resolve(__dirname, "../../../package.json"), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

/** Leaves word of who is missing to the batches. */
async function leaveForTriggers(
  resultsDir: string,
  batches: readonly BatchToVerify[],
  last: LastVerification,
): Promise<void> {
  const directory = path.resolve(resultsDir);
  const [first] = batches as readonly [BatchToVerify, ...BatchToVerify[]];
  const named = batches.map(({ inputs }, i) => [batchName(inputs.resourceUrn), last.batches[i]] as const);
  const withMissing = named.filter(([, batch]) => batch !== undefined && batch.missing !== "");
  if (withMissing.length === 0) return removeWholeFile(directory, MISSING_USERS);
  const { key, connectionId } = first.inputs;
  const file = { keyId: keyId(key), connectionId, batches: Object.fromEntries(withMissing) } as MissingFile;
  await writeWholeFile(directory, MISSING_USERS, (stream) => pipeline([`${JSON.stringify(file)}\n`], stream));
}
