// Package bench measures Saros beside its peers: testing/synctest, container/heap and
// the Raft library of etcd. README.md says what is compared and where the comparison
// is not fair; cmd/ratios runs it.
package bench
