package command

func (s *session) runGo(args []string) error { return nil }
func engineVersion() string                  { return "x" }
func runtimeDir() string                     { return "/work/main/runtime" }
