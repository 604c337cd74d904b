import type * as pulumi from "@pulumi/pulumi";
import { ShimResource } from "./shim";

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

  constructor(name: string, opts?: pulumi.CustomResourceOptions) {
    super("ImportKey", name, {}, ["key", "created"], ["key"], opts);
  }
}
