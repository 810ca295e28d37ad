module github.com/zancudomq/zancudo

go 1.26
