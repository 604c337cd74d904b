import * as pulumi from "@pulumi/pulumi";
import { runtimeProblem } from "./runtime";

/** The dynamic resources of this package. */
export type Kind = "ImportKey" | "UserBatch" | "Finalizer";

/** The type of a dynamic resource as the engine knows it, and as it stands in its URN. */
export function typeToken(kind: Kind): string {
  return `pulumi-nodejs:dynamic/auth0import:${kind}`;
}

/**
 * The code that Pulumi stores in the state with every resource and runs in the provider process, where it is asked for
 * `handler()`. FROZEN: after an upgrade of this package, states still hold it, and `refresh` and `destroy` run it. It
 * finds the installed package from the program's folder, under a name and an entry point that are frozen, too.
 *
 * It is a constant rather than a closure for Pulumi to serialise: a serialised closure changes with the compiler and
 * with Pulumi, costs the start of a TypeScript compiler, and can capture what must not be in a state.
 *
 * Where the package can't be found the engine gets an answer that it can show; a throw would be a stack trace.
 */
export function shim(kind: Kind): string {
  return `exports.handler = () => {
  try {
    return require("module").createRequire(process.cwd() + "/program.js")("pulumi-auth0-user-import/dynamic").handler("${kind}");
  } catch (error) {
    if (!error || error.code !== "MODULE_NOT_FOUND") throw error;
    const reason = "The package pulumi-auth0-user-import can't be loaded from " + process.cwd() + ". It has to be a dependency of the program's own package.json (pnpm hides the dependencies of dependencies). Nothing was sent. Add it, install, and run again.";
    const fail = async () => { throw new Error(reason); };
    return { check: async () => ({ failures: [{ property: "", reason }] }), diff: async () => ({ changes: false }), create: fail, update: fail, read: async (id, props) => ({ id, props }), delete: async () => {} };
  }
};
`;
}

/**
 * An input that tells a provider process of a preview, of which the engine does not tell it: what an update would do is
 * then said once, and not again while it is done. `check` takes it out, so it is in no state and no difference.
 */
export function inPreview(): true | undefined {
  return pulumi.runtime.isDryRun() || undefined;
}

/** A dynamic resource of this package: Pulumi's `dynamic.Resource` with our own, constant shim. */
export abstract class ShimResource extends pulumi.CustomResource {
  /**
   * @param outputs the names of the outputs that are not inputs, too.
   * @param secretOutputs those that the state must hold encrypted only.
   */
  protected constructor(
    kind: Kind,
    name: string,
    inputs: pulumi.Inputs,
    outputs: readonly string[],
    secretOutputs: string[],
    opts: pulumi.CustomResourceOptions = {},
  ) {
    refuseImport(kind, name, opts);
    const problem = runtimeProblem(process.versions, process.env.PATH ?? "");
    if (problem !== undefined) throw new pulumi.RunError(`${kind} "${name}": ${problem}`);
    super(
      typeToken(kind),
      name,
      {
        ...Object.fromEntries(outputs.map((output) => [output, undefined])),
        ...inputs,
        resourceUrn: urnOf(kind, name, opts),
        __provider: shim(kind),
      },
      pulumi.mergeOptions(opts, { additionalSecretOutputs: secretOutputs }),
    );
  }
}

/**
 * The resource's own URN, which the provider process needs to write on its line; Pulumi does not tell it. Passed on as
 * a plain promise: an output would depend on the parent, that is on all its children, this resource among them.
 */
function urnOf(kind: Kind, name: string, { parent }: pulumi.CustomResourceOptions): Promise<string> {
  return new Promise((resolve) => {
    pulumi.createUrn(name, typeToken(kind), parent).apply(resolve);
  });
}

/** An import would be read by the dynamic provider from a resource that it knows nothing of, and crash it. */
export function refuseImport(kind: string, name: string, opts: pulumi.ResourceOptions): void {
  if ("import" in opts && opts.import !== undefined) {
    throw new pulumi.RunError(
      `${kind} "${name}": the option \`import\` can't be used. There is nothing to import: an import of users is not an object in Auth0. Leave the option out; \`onExisting\` says what happens to users who exist.`,
    );
  }
}
