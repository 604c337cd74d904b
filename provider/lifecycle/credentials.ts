import { type Credentials, CredentialsError, givenCredentials, resolveCredentials } from "../tenant/credentials";
import type { Inputs } from "./batch";
import { config, hasUnknown, isUnknown, type Properties } from "./engine";

/**
 * What the programs' argument `credentials` holds, by the URN of the batch: `check` takes it out of the inputs, so that it
 * is in no state and no difference, and the engine calls that in each run and process before it asks for more.
 */
const given = new Map<string, Readonly<Record<string, unknown>>>();

/** The inputs without `credentials`, which are kept for this process. */
export function keepCredentials({ credentials, ...inputs }: Properties): Properties {
  const urn = String(inputs.resourceUrn);
  if (credentials === undefined) given.delete(urn);
  else given.set(urn, typeof credentials === "object" && credentials !== null ? { ...credentials } : { credentials });
  return inputs;
}

type Seat = Partial<Pick<Inputs, "resourceUrn" | "configNamespace">>;

/**
 * The tenant, and the right to import into it.
 *
 * @throws {@link CredentialsError} also where they are not known yet, as at the preview of a client that is not there yet.
 */
export function credentialsFor({ resourceUrn, configNamespace = "auth0" }: Seat): Credentials {
  const credentials = given.get(String(resourceUrn));
  if (credentials === undefined) return resolveCredentials(config, configNamespace);
  if ("credentials" in credentials) throw new CredentialsError("credentials must be an object with domain, clientId …");
  return givenCredentials(credentials);
}

/** Where the tenant answers. `undefined` where that is not known yet, or is wrong, which `credentialProblem` tells. */
export function originFor(seat: Seat): string | undefined {
  if (credentialProblem(seat) !== undefined || areUnknown(seat)) return undefined;
  return credentialsFor(seat).origin;
}

/** What is wrong with them, as far as they are known. */
export function credentialProblem(seat: Seat): string | undefined {
  if (areUnknown(seat)) return undefined;
  try {
    credentialsFor(seat);
    return undefined;
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error;
    return error.message;
  }
}

function areUnknown({ resourceUrn, configNamespace }: Seat): boolean {
  const credentials = given.get(String(resourceUrn));
  return credentials === undefined ? isUnknown(configNamespace) : hasUnknown(credentials);
}
