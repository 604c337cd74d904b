import { readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { type Fingerprint, keyId, NO_RECORD, sentUserId } from "../ledger/fingerprint";
import { type EncodedLedger, Ledger } from "../ledger/ledger";
import type { ReadSource } from "../plan/readSource";
import { MISSING_USERS } from "../results/resultsFolder";
import { identityOf, normalizeUser } from "../schema/identity";
import type { Tenant } from "../tenant/client";
import { unpackPrints } from "../verification/prints";
import { batchName, type Inputs, type Outputs } from "./batch";

/*
 * Who was missing when the connection was read back last, for the batches: a change of `triggers` sends them again. The
 * Finalizer is what knows of them, and no batch can ask it, since it comes after all of them. So it leaves a file.
 */

/** The content of the file. It names nobody: fingerprints under the import's key. */
const MissingFile = z.object({
  keyId: z.string(),
  connectionId: z.string(),
  /** By the batch's name: after which run it was verified, and who was missing. */
  batches: z.record(z.string(), z.object({ run: z.number(), missing: z.string() })),
});
export type MissingFile = z.infer<typeof MissingFile>;

/** What a user who is missing is known as from then on. */
const MISSING = "failed:MISSING";

/** Those of a batch, and the run after which they were missing. Nobody where there is no such file, or one of another import. */
function missingOf({ resultsDir, resourceUrn, key, connectionId }: Inputs) {
  const nobody = { run: 0, missing: new Set<Fingerprint>() };
  try {
    const text = readFileSync(path.resolve(resultsDir, MISSING_USERS), "utf8");
    const file = MissingFile.parse(JSON.parse(text));
    const batch = file.batches[batchName(resourceUrn)];
    if (batch === undefined || file.keyId !== keyId(key) || file.connectionId !== connectionId) return nobody;
    return { run: batch.run, missing: unpackPrints(batch.missing) };
  } catch {
    return nobody;
  }
}

/** The ledger with everybody who was missing as one who never came in: for a preview, which asks the tenant nothing. */
export function withMissing(old: Outputs, inputs: Inputs): EncodedLedger {
  const { run, missing } = missingOf(inputs);
  return marked(old.ledger, run, missing);
}

/**
 * The same for an update, of those whom the tenant does not have now either, looked up one by one. Who was brought since,
 * or is there after all, stays as they are.
 *
 * @throws TenantError
 */
export async function markMissing(
  old: Outputs,
  inputs: Inputs,
  read: ReadSource,
  indices: Iterable<number>,
  tenant: Tenant,
): Promise<Outputs> {
  const { run, missing } = missingOf(inputs);
  if (missing.size === 0 || old.connection === undefined) return old;
  const { SingleReads } = await import("../census/singleReads.js");
  const lookUps = new SingleReads(tenant, old.connection);
  const still = new Set<Fingerprint>();
  const wanted = [...indices].filter((index) => missing.has(read.identity(index)));
  for await (const { index, user: asItStands } of read.source.records(wanted)) {
    const user = normalizeUser(asItStands);
    const id = sentUserId(user, identityOf(user) ?? "", inputs);
    const { is } = await lookUps.find({ id, ...(typeof user.email === "string" ? { email: user.email } : {}) });
    if (is === "absent") still.add(read.identity(index));
  }
  return { ...old, ledger: marked(old.ledger, run, still) };
}

function marked(encoded: EncodedLedger, run: number, missing: ReadonlySet<Fingerprint>): EncodedLedger {
  if (missing.size === 0) return encoded;
  const ledger = Ledger.decode(encoded);
  for (const print of missing) {
    const known = ledger.get(print);
    if (known === undefined || (known.run ?? 0) > run || known.state === "removed") continue;
    ledger.set(print, { record: NO_RECORD, attributes: known.attributes, differs: false, state: MISSING });
  }
  return ledger.encode();
}
