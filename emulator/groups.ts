import { Members } from "./members";

/** Things of the tenant that have members: roles, organizations. */
export class Groups<Group extends { readonly id: string }> {
  readonly #groups = new Map<string, Group>();
  protected readonly members = new Map<string, Members>();
  #changes = 0;

  /** Grows with every change. */
  get revision(): number {
    return this.#changes;
  }

  all(): Group[] {
    return [...this.#groups.values()];
  }

  get(id: string): Group | undefined {
    return this.#groups.get(id);
  }

  put(group: Group): void {
    this.changed();
    this.#groups.set(group.id, group);
    if (!this.members.has(group.id)) this.members.set(group.id, new Members());
  }

  delete(id: string): void {
    this.changed();
    this.#groups.delete(id);
    this.members.delete(id);
  }

  /** They have no members any more; they themselves stay. */
  clear(): void {
    this.changed();
    for (const id of this.members.keys()) this.members.set(id, new Members());
  }

  protected changed(): void {
    this.#changes++;
  }
}
