/**
 * What a `user_id` of Auth0 begins with, before its first `|`: how the user signs in. Auth0 documentation: the
 * strategies of its connections. `auth0` is that of a database.
 */
export const STRATEGIES: ReadonlySet<string> = new Set(
  [
    "ad adfs amazon aol apple auth0 auth0-adldap auth0-oidc baidu bitbucket bitly box custom daccount dropbox dwolla",
    "email evernote evernote-sandbox exact facebook fitbit flickr github google-apps google-oauth2 instagram ip line",
    "linkedin miicard oauth1 oauth2 office365 oidc okta paypal paypal-sandbox pingfederate planningcenter renren",
    "salesforce salesforce-community salesforce-sandbox samlp sharepoint shop shopify sms soundcloud thecity",
    "thecity-sandbox thirtysevensignals twitter untappd vkontakte waad weibo windowslive wordpress yahoo yammer yandex",
  ].flatMap((names) => names.split(" ")),
);
