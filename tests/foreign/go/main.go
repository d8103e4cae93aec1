// A filter as anybody would write it: it counts the bytes of standard input, and prints JSON.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	limit := flag.Int("limit", 1<<20, "the most bytes to take")
	flag.Parse()
	bytes, err := io.ReadAll(os.Stdin)
	if err != nil || len(bytes) > *limit {
		fmt.Fprintf(os.Stderr, "more than %d bytes\n", *limit)
		os.Exit(3)
	}
	counts := map[string]int{}
	for _, letter := range string(bytes) {
		counts[string(letter)]++
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{"counts": counts, "arguments": flag.Args(), "environment": len(os.Environ())})
}
