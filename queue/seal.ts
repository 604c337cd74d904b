import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { Credentials } from "../provider/tenant/credentials";
import { QueueError } from "./queueUrl";

const VARIABLE = "AUTH0_USER_IMPORT_QUEUE_KEY";

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Seals what crosses a queue, so that its store, its backups and its dashboards show nothing of it. */
export class Seal {
  readonly #key: Buffer;

  /** @param queue the name of the queue: what was sealed for one tenant can't be opened for another. */
  constructor(secret: string, queue: string) {
    this.#key = Buffer.from(hkdfSync("sha256", secret, queue, "pulumi-auth0-user-import queue", 32));
  }

  /**
   * By the key in the environment variable AUTH0_USER_IMPORT_QUEUE_KEY, or else by one that is derived from the tenant's
   * client secret: who has that can read the tenant's users in any case.
   *
   * @throws {@link QueueError} where there is neither.
   */
  static by({ auth }: Credentials, queue: string, environment: NodeJS.ProcessEnv = process.env): Seal {
    const given = environment[VARIABLE];
    if (given !== undefined && given !== "") {
      if (given.length >= 16) return new Seal(given, queue);
      throw new QueueError(`The environment variable ${VARIABLE} must have 16 characters or more.`);
    }
    if ("clientSecret" in auth) return new Seal(auth.clientSecret, queue);
    throw new QueueError(
      `What goes through the queue is sealed by a key that is made from the client secret, and these credentials have none. Set the environment variable ${VARIABLE} to a random text, the same for \`pulumi up\` and for all workers.`,
    );
  }

  /** @param use what it is for: sealed for one job, it can't be put under another. */
  async close(value: unknown, use: string): Promise<Buffer> {
    const plain = await promisify(gzip)(Buffer.from(JSON.stringify(value)));
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#key, nonce).setAAD(Buffer.from(use));
    const sealed = [cipher.update(plain), cipher.final()];
    return Buffer.concat([nonce, cipher.getAuthTag(), ...sealed]);
  }

  /** @throws {@link QueueError} where another key has sealed it. */
  async open(sealed: Buffer, use: string): Promise<unknown> {
    const [nonce, tag] = [sealed.subarray(0, NONCE_BYTES), sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES)];
    let plain: Buffer;
    try {
      const decipher = createDecipheriv(CIPHER, this.#key, nonce).setAAD(Buffer.from(use)).setAuthTag(tag);
      plain = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    } catch {
      throw new QueueError(
        `What is in the queue was sealed by another key. \`pulumi up\` and all workers need the same client secret, or the same ${VARIABLE}.`,
      );
    }
    return JSON.parse((await promisify(gunzip)(plain)).toString());
  }
}
