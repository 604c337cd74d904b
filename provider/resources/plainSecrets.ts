import * as pulumi from "@pulumi/pulumi";
import { ofThisRun } from "./thisRun";

/** The settings of a tenant that nobody else must read. */
const SECRETS = ["clientSecret", "apiToken", "clientAssertionPrivateKey"] as const;

const checked = ofThisRun(() => new Set<string>());

/** Pulumi's own record of which settings were set with `--secret`; not part of its typed interface. */
const { isConfigSecret } = pulumi.runtime as unknown as { isConfigSecret?: (key: string) => boolean };

/**
 * Warns of a secret that was set in the clear. The engine keeps the whole configuration of a dynamic provider in the
 * state: what is encrypted there stays encrypted, what is not is readable by everybody who may read the state.
 */
export function warnOfPlainSecrets(namespace: pulumi.Input<string>, resource: pulumi.Resource): void {
  if (typeof namespace === "string") warn(namespace, SECRETS, resource);
}

/** The same for the URL of a queue, which mostly holds a password. */
export function warnOfPlainQueue(resource: pulumi.Resource): void {
  warn("auth0-user-import", ["queue"], resource);
}

function warn(namespace: string, names: readonly string[], resource: pulumi.Resource): void {
  if (checked().has(namespace) || isConfigSecret === undefined) return;
  checked().add(namespace);
  const config = new pulumi.Config(namespace);
  for (const name of names) {
    const key = `${namespace}:${name}`;
    if (config.get(name) === undefined || isConfigSecret(key)) continue;
    pulumi.log.warn(
      `${key} is set in the clear, and stands so in the stack's configuration and state. Set it again: pulumi config set --secret ${key}`,
      resource,
    );
  }
}
