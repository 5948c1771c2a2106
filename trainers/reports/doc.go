// Package reports leaves the pictures and tables of a finished run in its directory: the curves of every loss and metric, what
// the exported file makes of rows held out, and report.md, which says it in words. One file draws the pictures of one task.
//
// It must not know how a network is trained or exported, nor the command line. Level 6: it imports trainers and what that may; gonum's
// plot lives here.
package reports
