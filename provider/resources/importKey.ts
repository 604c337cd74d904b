import type * as pulumi from "@pulumi/pulumi";
import type { UnsupportedPasswordHash } from "../schema/prepare";
import { ShimResource } from "./shim";

/** What several batches are to import, for their key to find out which of them an edit concerns. */
export interface KeyedSource {
  users: pulumi.Input<string[] | undefined>;
  transform: pulumi.Input<string | undefined>;
  nullText: pulumi.Input<string[] | undefined>;
  merge: pulumi.Input<boolean | undefined>;
  unsupportedPasswordHash: pulumi.Input<UnsupportedPasswordHash>;
  sealed: pulumi.Input<boolean>;
  batches: number;
}

/**
 * 32 random bytes, made once and kept in the state, encrypted. They key the fingerprints of the ledger, so that the
 * ledger says nothing to anybody else, and the `user_id`s that are made up for records without one, so that every run
 * makes the same.
 *
 * `UserImport` has one of its own. A program that uses {@link UserBatch} alone makes one and hands it over.
 */
export class ImportKey extends ShimResource {
  /** The key, hexadecimal; a secret. */
  declare readonly key: pulumi.Output<string>;
  /** When it was made, before the first user was sent: ISO 8601, UTC. Absent where an earlier 0.1 made it. */
  declare readonly created: pulumi.Output<string | undefined>;

  /** @param source is `UserImport`'s alone: it has several batches to divide it among. */
  constructor(name: string, opts?: pulumi.CustomResourceOptions, source?: KeyedSource) {
    super("ImportKey", name, { ...source }, ["key", "created"], ["key"], opts);
  }
}
