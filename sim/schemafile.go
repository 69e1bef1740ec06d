package sim

import (
	"bytes"
	_ "embed"
)

//go:embed sim.schema.json
var configSchema []byte

// Schema is the JSON Schema of configuration files, for editors. [ParseConfig]
// checks more than a schema can.
func Schema() []byte { return bytes.Clone(configSchema) }
