module github.com/saros-sim/saros/checker/histories/etcdtest

go 1.26

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/saros-sim/saros v0.0.0
)

replace github.com/saros-sim/saros => ../../..
