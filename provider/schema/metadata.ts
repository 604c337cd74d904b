/** A key of metadata that the service does not take, and where it is. */
export type BadKey = readonly (string | number)[];

/** What `app_metadata` must not hold (Auth0 documentation). */
const RESERVED: ReadonlySet<string> = new Set([
  "__tenant",
  "_id",
  "blocked",
  "clientID",
  "created_at",
  "email_verified",
  "email",
  "globalClientID",
  "global_client_id",
  "identities",
  "lastIP",
  "lastLogin",
  "loginsCount",
  "metadata",
  "multifactor_last_modified",
  "multifactor",
  "updated_at",
  "user_id",
]);

/** The keys of `app_metadata` that are the service's own. */
export function reservedKeys(appMetadata: object): string[] {
  return Object.keys(appMetadata).filter((key) => RESERVED.has(key));
}

/** The keys at any depth that hold a `.` or start with `$` (Auth0 documentation), the outer ones first. */
export function badKeys(metadata: object): BadKey[] {
  return hasBadKey(metadata) ? findBadKeys(metadata) : [];
}

// Not recursive, so that no depth can overflow the stack.

function hasBadKey(metadata: object): boolean {
  const waiting = [metadata];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (Array.isArray(value)) {
      for (const each of value) if (typeof each === "object" && each !== null) waiting.push(each);
      continue;
    }
    for (const key of Object.keys(value)) {
      if (isBad(key)) return true;
      const child = (value as Record<string, unknown>)[key];
      if (typeof child === "object" && child !== null) waiting.push(child);
    }
  }
  return false;
}

/** One object of the metadata, and how one gets to it. */
interface Place {
  readonly value: object;
  readonly key?: string | number;
  readonly parent?: Place;
}

function findBadKeys(metadata: object): BadKey[] {
  const found: BadKey[] = [];
  const places: Place[] = [{ value: metadata }];
  for (const place of places) {
    const isArray = Array.isArray(place.value);
    for (const [name, value] of Object.entries(place.value)) {
      const key = isArray ? Number(name) : name;
      if (!isArray && isBad(name)) found.push([...keysTo(place), key]);
      if (typeof value === "object" && value !== null) places.push({ value, key, parent: place });
    }
  }
  return found;
}

function keysTo(place: Place): (string | number)[] {
  const keys: (string | number)[] = [];
  for (let at: Place | undefined = place; at?.key !== undefined; at = at.parent) keys.push(at.key);
  return keys.reverse();
}

function isBad(key: string): boolean {
  return key.startsWith("$") || key.includes(".");
}
