//go:build tools

// Pins the oldest Pulumi CLI that is supported: `npm run test:matrix` runs on it as well. The peer range of
// @pulumi/pulumi in package.json begins with its version.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
