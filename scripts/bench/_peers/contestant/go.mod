module github.com/gonyx/gonyx/scripts/bench/_peers/contestant

go 1.26
