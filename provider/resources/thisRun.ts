import * as pulumi from "@pulumi/pulumi";

const nobodysRun = {};

/**
 * Something that belongs to one run of a program: the Automation API runs several in one process, a preview and an update
 * or one stack after the other, and so do unit tests.
 */
export function ofThisRun<T>(make: () => T): () => T {
  const all = new WeakMap<object, T>();
  return () => {
    // Each run, and each `setMocks`, has a connection of its own to the engine.
    const run = pulumi.runtime.getMonitor() ?? nobodysRun;
    const known = all.get(run) ?? make();
    all.set(run, known);
    return known;
  };
}
