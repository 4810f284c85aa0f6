package main

import (
	"context"
	"io"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// wishes is a service without generated code: Grant grants one wish, and GrantAll
// many, as they come.
var wishes = grpc.ServiceDesc{
	ServiceName: "calls.Wishes",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Grant", Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		in := new(wrapperspb.StringValue)
		if err := decode(in); err != nil {
			return nil, err
		}
		if in.Value == "" {
			return nil, status.Error(codes.Internal, "nothing to grant")
		}
		return wrapperspb.String(granted(ctx, in.Value)), nil
	}}},
	Streams: []grpc.StreamDesc{{StreamName: "GrantAll", ServerStreams: true, ClientStreams: true, Handler: func(_ any, s grpc.ServerStream) error {
		for {
			in := new(wrapperspb.StringValue)
			if err := s.RecvMsg(in); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			if err := s.SendMsg(wrapperspb.String(granted(s.Context(), in.Value))); err != nil {
				return err
			}
		}
	}}},
}

// remote is what generated code knows of a connection.
type remote struct{ grpc.ClientConnInterface }

func newRemote(context.Context) (asker, func(), error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	server := serverWith(grpc.MaxConcurrentStreams(10))
	server.RegisterService(&wishes, nil)
	go server.Serve(listener)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, nil, err
	}
	return remote{conn}, func() { conn.Close(); server.Stop() }, nil
}

func serverWith(options ...grpc.ServerOption) *grpc.Server { return grpc.NewServer(options...) }

func (r remote) ask(ctx context.Context, question string) (string, error) {
	out := new(wrapperspb.StringValue)
	if err := r.Invoke(ctx, "/calls.Wishes/Grant", wrapperspb.String(""), out); status.Code(err) != codes.Internal {
		return "", err
	}
	if err := r.Invoke(ctx, "/calls.Wishes/Grant", wrapperspb.String(question), out); err != nil {
		return "", err
	}
	stream, err := r.NewStream(ctx, &wishes.Streams[0], "/calls.Wishes/GrantAll")
	if err != nil {
		return "", err
	}
	for range 2 {
		if err := stream.SendMsg(wrapperspb.String(question)); err != nil {
			return "", err
		}
		if err := stream.RecvMsg(new(wrapperspb.StringValue)); err != nil {
			return "", err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return "", err
	}
	if err := stream.RecvMsg(new(wrapperspb.StringValue)); err != io.EOF {
		return "", err
	}
	return out.Value, nil
}
