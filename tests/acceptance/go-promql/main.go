// Reads a JSON list of PromQL expressions, and says which of them Prometheus would not take: a JSON list of messages.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	var expressions []string
	if err := json.NewDecoder(os.Stdin).Decode(&expressions); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	problems := []string{}
	for _, expression := range expressions {
		if _, err := parser.ParseExpr(expression); err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", expression, err))
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(problems); err != nil {
		os.Exit(1)
	}
}
