//go:build !unix

package daemon

// permissions says who may read a file and who asks.
func permissions(name string) string { return name + " is closed to the user of this process" }
