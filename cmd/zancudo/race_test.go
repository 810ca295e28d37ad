//go:build unix && race

package main_test

const race = true // the tests have the race detector, and so has the program
