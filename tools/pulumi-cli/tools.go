//go:build tools

// Pins the Pulumi CLI, which tools/findPulumi.ts builds where no `pulumi` is installed and none can be downloaded.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
