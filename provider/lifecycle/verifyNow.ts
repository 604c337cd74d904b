import { readFileSync } from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { keyId } from "../ledger/fingerprint";
import { Ledger } from "../ledger/ledger";
import type { ReadSource } from "../plan/readSource";
import { toRanges } from "../results/ranges";
import { MISSING_USERS } from "../results/resultsFolder";
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
import { closeReadBack } from "./sharedReadBack";
import { endWithoutEngine, stop, whileWatched } from "./stop";
import type { BatchToVerify } from "./toVerify";
import { type Asked, type Checked, keptOf, type LastVerification, missingRecords, withMissing } from "./verification";
import type { ReviewOptions } from "./verifyWhereDue";

/*
 * The part of the Finalizer that asks the tenant. Loaded where a verification is due: Auth0's SDK costs more time than a
 * preview of files that did not change.
 */

/** Reads the connection back, compares, and leaves the files. */
export async function verifyNow(
  options: ReviewOptions,
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
  { inputs, olds }: ReviewOptions,
  batches: readonly BatchToVerify[],
  read: ReadSource,
): Promise<Verified> {
  const { resourceUrn, resultsDir } = inputs;
  const [first] = batches as readonly [BatchToVerify, ...BatchToVerify[]];
  const { connectionId, key, generateUserIds, censusTimeout = USUAL_CENSUS_TIMEOUT } = first.inputs;
  const tenant = tenantOf(credentialsFor(first.inputs), resolveLimits(config));
  const { problem, rules } = await preflight(tenant, connectionId, { verifies: true });
  if (problem !== undefined) throw new NotVerified(problem);
  // Theirs may be older than what they have written.
  await closeReadBack(tenant, connectionId);
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
  { inputs, name }: ReviewOptions,
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
