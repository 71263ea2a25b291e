module moorage.dev/hack/cluster/tools/pause

go 1.26
