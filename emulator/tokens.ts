import { constants, createHmac, randomBytes, timingSafeEqual, verify } from "node:crypto";
import { ApiError } from "./apiError";
import type { Clock } from "./clock";

/** Access tokens of the Management API: JWTs that the tenant signs for itself, so that they outlive a restart. */
export class Tokens {
  constructor(
    private readonly signingKey: Buffer,
    private readonly clock: Clock,
  ) {}

  static newSigningKey(): Buffer {
    return randomBytes(32);
  }

  issue(clientId: string, scopes: readonly string[], lifetimeSeconds: number): string {
    const issuedAt = this.clock.now() / 1000;
    const content = [
      encode({ alg: "HS256", typ: "JWT" }),
      encode({
        sub: `${clientId}@clients`,
        scope: scopes.join(" "),
        iat: issuedAt,
        exp: issuedAt + lifetimeSeconds,
        jti: randomBytes(9).toString("base64url"),
      }),
    ].join(".");
    return `${content}.${this.sign(content).toString("base64url")}`;
  }

  /**
   * The scopes that the token grants.
   * @throws ApiError 401 for a token that is not this tenant's, or no longer.
   */
  verify(token: string): Set<string> {
    const [header, payload, signature, ...rest] = token.split(".");
    if (header === undefined || payload === undefined || signature === undefined || rest.length > 0)
      throw invalidToken();
    const expected = this.sign(`${header}.${payload}`);
    const actual = Buffer.from(signature, "base64url");
    if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) throw invalidToken();

    const claims = decode(payload) as { scope: string; exp: number };
    if (claims.exp * 1000 <= this.clock.now()) throw expiredToken();
    return new Set(claims.scope.split(" "));
  }

  private sign(content: string): Buffer {
    return createHmac("sha256", this.signingKey).update(content).digest();
  }
}

export function expiredToken(): ApiError {
  return new ApiError(401, "Expired token received for JSON Web Token validation");
}

function invalidToken(): ApiError {
  return new ApiError(401, "Invalid token");
}

/** The algorithms that Auth0 takes for `private_key_jwt`. */
const assertionAlgorithms: Record<string, { hash: string; padding: number }> = {
  RS256: { hash: "sha256", padding: constants.RSA_PKCS1_PADDING },
  RS384: { hash: "sha384", padding: constants.RSA_PKCS1_PADDING },
  PS256: { hash: "sha256", padding: constants.RSA_PKCS1_PSS_PADDING },
};

/** Whether a client assertion is signed with the client's key, about this client, meant for us, and not expired. */
export function isValidAssertion(
  assertion: string,
  client: { id: string; publicKey: string },
  isAudience: (audience: string) => boolean,
  now: number,
): boolean {
  const [header, payload, signature] = assertion.split(".");
  if (header === undefined || payload === undefined || signature === undefined) return false;
  const algorithm = assertionAlgorithms[String((decode(header) as { alg?: unknown } | undefined)?.alg)];
  if (!algorithm) return false;
  const signed = verify(
    algorithm.hash,
    Buffer.from(`${header}.${payload}`),
    { key: client.publicKey, padding: algorithm.padding },
    Buffer.from(signature, "base64url"),
  );
  const claims = decode(payload) as Record<string, unknown> | undefined;
  return (
    signed &&
    claims?.iss === client.id &&
    claims.sub === client.id &&
    typeof claims.aud === "string" &&
    isAudience(claims.aud) &&
    typeof claims.exp === "number" &&
    claims.exp * 1000 > now
  );
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decode(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, "base64url").toString());
  } catch {
    return undefined;
  }
}
