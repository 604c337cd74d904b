import type { Tenant } from "./client";

/** What there is once in a process for a tenant and a name: all batches of a run go through the same tenant. */
export class PerTenant<T> {
  readonly #all = new WeakMap<Tenant, Map<string, T>>();

  get(tenant: Tenant, name: string): T | undefined {
    return this.#all.get(tenant)?.get(name);
  }

  getOrMake(tenant: Tenant, name: string, make: () => T): T {
    const ofTenant = this.#all.get(tenant) ?? new Map<string, T>();
    this.#all.set(tenant, ofTenant);
    const known = ofTenant.get(name) ?? make();
    ofTenant.set(name, known);
    return known;
  }
}
