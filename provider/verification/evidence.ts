import { createHash } from "node:crypto";
import { userInfo } from "node:os";
import { count } from "../progress/batchProgress";
import type { Source } from "../source";
import { digestFile, digestTransform } from "../source/digest";
import { transformFiles } from "../source/transformFiles";
import type { Exception, Verification, VerificationDetails } from "./types";

/** A file that was compared. */
export interface EvidenceFile {
  /** As the program named it, or relative to it. */
  readonly name: string;
  readonly sha256: string;
  /** As it lies on the disk. */
  readonly bytes: number;
  readonly records: number;
}

/** What an auditor wants to know of a verification, besides what it found. */
export interface Circumstances {
  /** The host of the tenant. */
  readonly tenant: string;
  readonly connectionId: string;
  readonly project: string;
  readonly stack: string;
  /** Of the import. */
  readonly name: string;
  /** Those in force. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Of this package and of Node. */
  readonly versions: { readonly package: string; readonly node: string };
  /** The user of the machine, and what the pipeline tells of itself. */
  readonly ranBy: Readonly<Record<string, string>>;
  readonly files: readonly EvidenceFile[];
  readonly transform?: { readonly name: string; readonly sha256: string };
}

/** What pipelines tell of who runs what where: GitHub, GitLab, Azure, Jenkins, CircleCI, Buildkite, Bitbucket, Pulumi. */
const TOLD_BY_CI = [
  ...["GITHUB_ACTOR", "GITHUB_REPOSITORY", "GITHUB_WORKFLOW", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_SHA"],
  ...["GITLAB_USER_LOGIN", "CI_PROJECT_PATH", "CI_JOB_URL", "CI_COMMIT_SHA"],
  ...["BUILD_REQUESTEDFOR", "BUILD_REPOSITORY_NAME", "BUILD_BUILDID", "BUILD_SOURCEVERSION"],
  ...["BUILD_URL", "GIT_COMMIT"],
  ...["CIRCLE_USERNAME", "CIRCLE_BUILD_URL", "CIRCLE_SHA1"],
  ...["BUILDKITE_BUILD_CREATOR", "BUILDKITE_BUILD_URL", "BUILDKITE_COMMIT"],
  ...["BITBUCKET_REPO_FULL_NAME", "BITBUCKET_BUILD_NUMBER", "BITBUCKET_COMMIT"],
];

/** Who runs this, and where. */
export function ranBy(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const told = TOLD_BY_CI.flatMap((name): [string, string][] => {
    const value = env[name];
    return value === undefined || value === "" ? [] : [[name, value]];
  });
  return { ...user(), ...Object.fromEntries(told) };
}

function user(): { readonly user?: string } {
  try {
    return { user: userInfo().username };
  } catch {
    // A container may run under a number that nobody has a name for.
    return {};
  }
}

/** Digests the files of a source, as they lie on the disk, and its transform. */
export async function digestsOf(
  source: Pick<Source, "files" | "recordsIn">,
  cwd: string,
  transform: string | undefined,
  root: string | undefined,
): Promise<Pick<Circumstances, "files" | "transform">> {
  const files: EvidenceFile[] = [];
  for (const [i, name] of source.files.entries()) {
    const { digest, bytes } = await digestFile(name, cwd);
    files.push({ name, sha256: digest.toString("hex"), bytes, records: source.recordsIn(i) });
  }
  if (transform === undefined) return { files };
  const digest = await digestTransform(await transformFiles(transform, cwd, root), cwd);
  return { files, transform: { name: transform, sha256: digest.toString("hex") } };
}

/** How the counts add up. */
export function sumsOf(verification: Verification, details: VerificationDetails): readonly string[] {
  const { present, linked, missing, gone, expected, others } = verification;
  const { lines, linkedTo, foundSingly, vanished } = details;
  const singly = foundSingly > 0 ? ` + ${count(foundSingly)} found singly` : "";
  const left = vanished > 0 ? ` + ${count(vanished)} gone since` : "";
  const to = linkedTo > 0 ? ` + ${count(linkedTo)} to which somebody is linked` : "";
  return [
    `${count(present)} present + ${count(linked)} linked + ${count(missing)} missing + ${count(gone)} gone = ${count(expected)} expected`,
    `${count(lines)} lines of the export${singly} = ${count(present)} present + ${count(others)} others${to}${left}`,
  ];
}

/**
 * The evidence of a verification as JSON, piece by piece: it holds no personal data of users, but says who ran it.
 *
 * @param onEnd is told the SHA-256 of all that was written, in hex.
 */
export async function* evidence(
  { arguments: inForce, ...circumstances }: Circumstances,
  verification: Verification,
  details: VerificationDetails,
  exceptions: AsyncIterable<Exception>,
  onEnd: (sha256: string) => void,
): AsyncGenerator<string> {
  const hash = createHash("sha256");
  const written = (text: string) => {
    hash.update(text);
    return text;
  };
  const head = {
    version: 1,
    ...circumstances,
    arguments: inForce,
    writtenAt: new Date().toISOString(),
    verification,
    sums: sumsOf(verification, details),
    details,
  };
  yield written(JSON.stringify(head, undefined, 2).replace(/\n\}$/, ',\n  "exceptions": ['));
  let separator = "\n    ";
  for await (const exception of exceptions) {
    yield written(`${separator}${JSON.stringify(exception)}`);
    separator = ",\n    ";
  }
  yield written(separator.startsWith(",") ? "\n  ]\n}\n" : "]\n}\n");
  onEnd(hash.digest("hex"));
}
