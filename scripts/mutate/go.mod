module github.com/saros-sim/saros/scripts/mutate

go 1.26
