package daemon

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/trust"
)

// Diagnose reads a configuration as Load does and returns all there is to say
// about it, in order. What could not be served is among the problems.
func Diagnose(name string, environ []string) (*config.Config, config.Problems) {
	c, err := Load(name, environ)
	problems := problemsOf(err)
	if err == nil {
		problems = append(problems, problemsOf(Check(c))...)
		problems = append(problems, diagnoseRules(c)...)
		problems = append(problems, config.Lint(c, config.Facts{Stat: stat, Certificate: certificate})...)
		_, err := readUsers(c)
		problems = addNew(problems, problemsOf(err))
		problems = append(problems, diagnoseTLS(c)...)
	}
	problems = append(problems, c.Warnings...)
	problems.Sort()
	return c, problems
}

// diagnoseRules reads the access rules that c names.
func diagnoseRules(c *config.Config) config.Problems {
	files, problems := readRules(c)
	for _, f := range files {
		for _, w := range f.rules.Warnings {
			problems = append(problems, aclProblem(config.Pointless, w))
		}
	}
	return problems
}

// diagnoseTLS reads what TLS of the listeners is made of. Files that are not
// there have been told of.
func diagnoseTLS(c *config.Config) (problems config.Problems) {
	for _, l := range c.Listeners {
		_, err := loadSecrets(c, l, nil)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		problem := &config.Problem{File: l.File, Line: l.Line, Word: "listener", Text: err.Error()}
		if f, ok := errors.AsType[*trust.FileError](err); ok {
			problem.Word = f.Word
		}
		problems = append(problems, problem)
	}
	return problems
}

// addNew adds problems of lines of which nothing wrong is known yet.
func addNew(all, more config.Problems) config.Problems {
	for _, p := range more {
		if !slices.ContainsFunc(all, func(o *config.Problem) bool { return !o.Class.Warning() && o.File == p.File && o.Line == p.Line }) {
			all = append(all, p)
		}
	}
	return all
}

// problemsOf takes apart what Load and Check return.
func problemsOf(err error) config.Problems {
	var one *config.Problem
	var many config.Problems
	switch {
	case errors.As(err, &one):
		return config.Problems{one}
	case errors.As(err, &many):
		return many
	default:
		return nil
	}
}

// stat tells of a file that a configuration names.
func stat(name string) (config.FileFact, bool) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return config.FileFact{Missing: true}, true
	case err != nil:
		return config.FileFact{}, false
	}
	return config.FileFact{Mode: uint32(info.Mode().Perm()), Owner: owner(info)}, true
}

// soon is how long before its end a certificate is told of.
const soon = 30 * 24 * time.Hour

// certificate tells of the first certificate in a file.
func certificate(name string) (fact config.CertificateFact, ok bool) {
	text, err := read(name)
	if err != nil {
		return fact, false
	}
	var block *pem.Block
	for block, text = pem.Decode(text); block != nil && block.Type != "CERTIFICATE"; {
		block, text = pem.Decode(text)
	}
	if block == nil {
		return fact, false
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fact, false
	}
	left := time.Until(c.NotAfter)
	fact = config.CertificateFact{Until: c.NotAfter.Format(time.DateOnly), Expired: left <= 0, Soon: left <= soon}
	key, isRSA := c.PublicKey.(*rsa.PublicKey)
	switch {
	case isRSA && key.N.BitLen() < 2048:
		fact.Weak = fmt.Sprintf("a key of %d bits", key.N.BitLen())
	case strings.HasPrefix(c.SignatureAlgorithm.String(), "MD5"), strings.HasSuffix(c.SignatureAlgorithm.String(), "SHA1"):
		fact.Weak = "a signature with " + c.SignatureAlgorithm.String()
	}
	return fact, true
}
