/**
 * What becomes of a record of the old system: nobody whose account was closed, and no more trace of which ones were.
 *
 * @returns an Auth0 user, or nothing to leave the record out
 */
export default function toUser({ app_metadata: { status, ...appMetadata }, ...user }) {
  return status === "closed" ? undefined : { ...user, app_metadata: appMetadata };
}
