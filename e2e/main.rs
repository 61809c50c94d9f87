//! End to end: what dayfly renders, judged by a real Kubernetes, a real Argo CD and the real controllers behind custom
//! resources. `e2e/run` prepares them; `README.md` says how to use one's own. Nothing is skipped: what is missing is a failure
//! that says what to do.

mod admission; // every golden passes the API server's admission
mod argo; // an environment Application, and what Argo CD says of it
mod case; // a folder of testdata
mod cnpg; // a cluster of CloudNativePG's from a snapshot, by its operator
mod database; // branches: whose rows are read, who is kept out, what fails and what converges
mod kube; // objects in the cluster
mod leaks; // two hundred previews killed and closed, and nothing stays
mod lifecycle; // synced in order, no difference for ever, pushed to, deleted without a trace
mod operations; // the platform's part in databases
mod page; // what the documentation tells people to do
mod pods; // connections and Pods tried inside the environment
mod process; // running programs and waiting
mod pull_request; // GitHub hears of a preview
mod quarantine; // findings shown in Argo CD
mod recipes; // commands of the documentation, as they stand there
mod reserved; // what belongs to a preview's own database is nobody else's
mod route; // the URL answers, and nothing else does
mod walls; // quota, Pod Security and NetworkPolicies on real Pods
mod world; // what a platform has before the first preview
