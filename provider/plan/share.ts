import { canonicalJson } from "../ledger/fingerprint";
import { identityOf, type User } from "../schema/identity";

/** One of `count` parts of a source: the users whose identity hashes to `index`. */
export interface Share {
  /** From 0. */
  readonly index: number;
  /** How many parts there are, from 1. */
  readonly count: number;
}

/**
 * What decides to which share a user belongs, 32 bits. The rule is frozen: a user who moved to another batch would be
 * new there, and removed here. Not keyed, because it must be known at the first preview, before there is a key.
 *
 * @param identity the user's, where it is known already.
 */
export function shareHash(user: User, identity = identityOf(user)): number {
  const text = identity ?? canonicalJson(user);
  // FNV-1a, 32 bits: spreads short texts evenly and costs less than a call into OpenSSL.
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  // Its low bits depend on the text's low bits only, so that a text with a part twice would go to few shares.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The number of the share that a user belongs to. */
export function shareOf(user: User, count: number): number {
  return shareHash(user) % count;
}
