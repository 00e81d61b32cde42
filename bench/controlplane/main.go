// Command controlplane is kube-apiserver and etcd in one binary: a test machine compiles once what both use.
//
//	controlplane kube-apiserver --etcd-servers=... (every flag of kube-apiserver)
//	controlplane etcd --data-dir=... (every flag of etcd)
package main

import (
	"fmt"
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"

	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: controlplane kube-apiserver|etcd FLAGS")
		os.Exit(2)
	}
	part := os.Args[1]
	os.Args = os.Args[1:]
	switch part {
	case "kube-apiserver":
		os.Exit(cli.Run(app.NewAPIServerCommand()))
	case "etcd":
		etcdmain.Main(os.Args)
	default:
		fmt.Fprintf(os.Stderr, "controlplane: no part named %q; take kube-apiserver or etcd\n", part)
		os.Exit(2)
	}
}
