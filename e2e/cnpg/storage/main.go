// Storage for the tests: a CSI driver whose volumes and snapshots are folders of this machine, and copies of folders. The drivers
// that do this better are not Go modules that a proxy serves. One node, no topology, nothing to attach, and no restarts of its own in mind.
//
//	storage FOLDER KUBELET [PROGRAM…]   serves FOLDER/csi.sock, makes itself known to the kubelet whose folder is KUBELET, and runs
//	                                    the programs beside it, with the socket's address. All end with that folder.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

const name = "folders.e2e.dayfly.dev"

type driver struct {
	csi.UnimplementedIdentityServer
	csi.UnimplementedControllerServer
	csi.UnimplementedNodeServer
	registration.UnimplementedRegistrationServer
	folder string
}

// Whose end is that of the programs is the thread that started them, not the process.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: storage FOLDER KUBELET [PROGRAM…]")
	}
	d, kubelet := &driver{folder: os.Args[1]}, os.Args[2]
	for _, kind := range []string{"volumes", "snapshots", "sizes"} {
		must(os.MkdirAll(filepath.Join(d.folder, kind), 0o755))
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(logged))
	csi.RegisterIdentityServer(server, d)
	csi.RegisterControllerServer(server, d)
	csi.RegisterNodeServer(server, d)
	go serve(server, listen(d.socket()))

	registrar := grpc.NewServer()
	registration.RegisterRegistrationServer(registrar, d)
	go serve(registrar, listen(filepath.Join(kubelet, "plugins_registry", name+".sock")))

	ended := make(chan string)
	for _, program := range os.Args[3:] {
		d.run(program, ended)
	}
	for exists(kubelet) {
		select {
		// As the kubelet would: they give up on a driver that does not answer within a second, and this machine may be busy.
		case program := <-ended:
			time.Sleep(time.Second)
			d.run(program, ended)
		case <-time.After(time.Second):
		}
	}
}

// run starts one of the programs that stand between Kubernetes and a driver. The kernel ends it with this thread, which must be
// the one of main.
func (d *driver) run(program string, ended chan<- string) {
	command := exec.Command(program, "--leader-election=false", "--kubeconfig="+os.Getenv("KUBECONFIG"))
	// The one of all drivers knows no driver.
	if filepath.Base(program) != "snapshot-controller" {
		command.Args = append(command.Args, "--csi-address="+d.socket())
	}
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(command.Start())
	go func() {
		log.Printf("%s ended: %v", program, command.Wait())
		ended <- program
	}()
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func serve(server *grpc.Server, listener net.Listener) { must(server.Serve(listener)) }

func listen(socket string) net.Listener {
	must(os.MkdirAll(filepath.Dir(socket), 0o755))
	_ = os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	must(err)
	return listener
}

func logged(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	answer, err := handler(ctx, request)
	if err != nil {
		log.Printf("%s: %v", info.FullMethod, err)
	}
	return answer, err
}

func (d *driver) socket() string { return filepath.Join(d.folder, "csi.sock") }

// path of a volume or snapshot; an identifier of somebody else's making leads nowhere else
func (d *driver) path(kind, id string) string {
	return filepath.Join(d.folder, kind, filepath.Base(id))
}

func (d *driver) size(id string) int64 {
	text, err := os.ReadFile(d.path("sizes", id))
	if err != nil {
		return 0
	}
	size, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return size
}

func (d *driver) setSize(id string, size int64) error {
	return os.WriteFile(d.path("sizes", id), []byte(strconv.FormatInt(size, 10)), 0o644)
}

// fill makes a folder with the same content as another one, whole or not at all. Blocks are shared where the file system can.
func fill(from, to string) error {
	partial := to + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if out, err := exec.Command("cp", "--archive", "--reflink=auto", from, partial).CombinedOutput(); err != nil {
		return fmt.Errorf("cp: %w: %s", err, out)
	}
	return os.Rename(partial, to)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Of the kubelet's registration.

func (d *driver) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{Type: registration.CSIPlugin, Name: name, Endpoint: d.socket(), SupportedVersions: []string{"1.0.0"}}, nil
}

func (d *driver) NotifyRegistrationStatus(_ context.Context, r *registration.RegistrationStatus) (*registration.RegistrationStatusResponse, error) {
	log.Printf("registered: %v %s", r.PluginRegistered, r.Error)
	return &registration.RegistrationStatusResponse{}, nil
}

// Identity

func (d *driver) GetPluginInfo(context.Context, *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: name, VendorVersion: "1"}, nil
}

func (d *driver) GetPluginCapabilities(context.Context, *csi.GetPluginCapabilitiesRequest) (*csi.GetPluginCapabilitiesResponse, error) {
	service := &csi.PluginCapability_Service{Type: csi.PluginCapability_Service_CONTROLLER_SERVICE}
	return &csi.GetPluginCapabilitiesResponse{Capabilities: []*csi.PluginCapability{{Type: &csi.PluginCapability_Service_{Service: service}}}}, nil
}

func (d *driver) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{Ready: wrapperspb.Bool(true)}, nil
}

// Controller

func (d *driver) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	answer := &csi.ControllerGetCapabilitiesResponse{}
	for _, kind := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT,
		csi.ControllerServiceCapability_RPC_LIST_SNAPSHOTS,
	} {
		rpc := &csi.ControllerServiceCapability_RPC{Type: kind}
		answer.Capabilities = append(answer.Capabilities, &csi.ControllerServiceCapability{Type: &csi.ControllerServiceCapability_Rpc{Rpc: rpc}})
	}
	return answer, nil
}

func (d *driver) CreateVolume(_ context.Context, r *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	path := d.path("volumes", r.Name)
	if !exists(path) {
		var err error
		if snapshot := r.GetVolumeContentSource().GetSnapshot(); snapshot == nil {
			err = os.Mkdir(path, 0o755)
		} else if from := d.path("snapshots", snapshot.SnapshotId); !exists(from) {
			err = status.Errorf(codes.NotFound, "there is no snapshot %s", snapshot.SnapshotId)
		} else {
			err = fill(from, path)
		}
		if err == nil {
			err = d.setSize(r.Name, r.GetCapacityRange().GetRequiredBytes())
		}
		if err != nil {
			return nil, err
		}
	}
	volume := &csi.Volume{VolumeId: r.Name, CapacityBytes: d.size(r.Name), ContentSource: r.VolumeContentSource}
	return &csi.CreateVolumeResponse{Volume: volume}, nil
}

func (d *driver) DeleteVolume(_ context.Context, r *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	return &csi.DeleteVolumeResponse{}, d.remove("volumes", r.VolumeId)
}

func (d *driver) DeleteSnapshot(_ context.Context, r *csi.DeleteSnapshotRequest) (*csi.DeleteSnapshotResponse, error) {
	return &csi.DeleteSnapshotResponse{}, d.remove("snapshots", r.SnapshotId)
}

func (d *driver) remove(kind, id string) error {
	_ = os.Remove(d.path("sizes", id))
	return os.RemoveAll(d.path(kind, id))
}

func (d *driver) CreateSnapshot(_ context.Context, r *csi.CreateSnapshotRequest) (*csi.CreateSnapshotResponse, error) {
	if path := d.path("snapshots", r.Name); !exists(path) {
		if err := fill(d.path("volumes", r.SourceVolumeId), path); err != nil {
			return nil, err
		}
		if err := d.setSize(r.Name, d.size(r.SourceVolumeId)); err != nil {
			return nil, err
		}
	}
	return &csi.CreateSnapshotResponse{Snapshot: d.snapshot(r.Name)}, nil
}

func (d *driver) snapshot(id string) *csi.Snapshot {
	snapshot := &csi.Snapshot{SnapshotId: id, SizeBytes: d.size(id), ReadyToUse: true, CreationTime: timestamppb.Now()}
	if info, err := os.Stat(d.path("sizes", id)); err == nil {
		snapshot.CreationTime = timestamppb.New(info.ModTime())
	}
	return snapshot
}

// Whoever brings a snapshot along (as dayfly does) has its content looked up in this.
func (d *driver) ListSnapshots(_ context.Context, r *csi.ListSnapshotsRequest) (*csi.ListSnapshotsResponse, error) {
	answer := &csi.ListSnapshotsResponse{}
	if r.SnapshotId != "" && exists(d.path("snapshots", r.SnapshotId)) {
		answer.Entries = []*csi.ListSnapshotsResponse_Entry{{Snapshot: d.snapshot(r.SnapshotId)}}
	}
	return answer, nil
}

// Node

func (d *driver) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: "node"}, nil
}

func (d *driver) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (*csi.NodeGetCapabilitiesResponse, error) {
	return &csi.NodeGetCapabilitiesResponse{}, nil
}

func (d *driver) NodePublishVolume(_ context.Context, r *csi.NodePublishVolumeRequest) (*csi.NodePublishVolumeResponse, error) {
	if err := os.MkdirAll(r.TargetPath, 0o755); err != nil {
		return nil, err
	}
	if err := unix.Unmount(r.TargetPath, 0); err == nil {
		log.Printf("%s was mounted before", r.TargetPath)
	}
	if err := unix.Mount(d.path("volumes", r.VolumeId), r.TargetPath, "", unix.MS_BIND, ""); err != nil {
		return nil, fmt.Errorf("mount: %w", err)
	}
	return &csi.NodePublishVolumeResponse{}, nil
}

func (d *driver) NodeUnpublishVolume(_ context.Context, r *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	if err := unix.Unmount(r.TargetPath, 0); err != nil && err != unix.EINVAL && err != unix.ENOENT {
		return nil, fmt.Errorf("unmount: %w", err)
	}
	// Never what is below it: the mount may still be there.
	if err := os.Remove(r.TargetPath); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	return &csi.NodeUnpublishVolumeResponse{}, nil
}
