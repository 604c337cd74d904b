//go:build tools

// Pins the language host with which the CLI runs programs on Node.
//
// Its release is older than the CLI's on purpose: up to this one the host belongs to module sdk/v3. Later ones keep it
// in a module of its own, which depends on its neighbours by relative paths and can't be built by version.
// The protocol between the two has stayed compatible, and the end-to-end tests run this very pair.
package tools

import _ "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs"
