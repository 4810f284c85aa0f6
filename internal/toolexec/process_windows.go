package toolexec

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/windows"
)

func readProcess(pid int) (process, error) {
	parent, err := parentOf(uint32(pid))
	if err != nil {
		return process{}, err
	}
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return process{}, err
	}
	defer windows.CloseHandle(h)
	// A string header and the text that it points to.
	const maxCommandLine = 1 << 16
	buf := make([]uint64, maxCommandLine/8)
	var n uint32
	if err := windows.NtQueryInformationProcess(h, windows.ProcessCommandLineInformation, unsafe.Pointer(&buf[0]), maxCommandLine, &n); err != nil {
		return process{}, err
	}
	args, err := windows.DecomposeCommandLine((*windows.NTUnicodeString)(unsafe.Pointer(&buf[0])).String())
	if err != nil {
		return process{}, err
	}
	return process{args: args, parent: parent}, nil
}

func parentOf(pid uint32) (int, error) {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return 0, err
	}
	defer windows.CloseHandle(snapshot)
	entry := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(snapshot, &entry); err == nil; err = windows.Process32Next(snapshot, &entry) {
		if entry.ProcessID == pid {
			return int(entry.ParentProcessID), nil
		}
	}
	return 0, errors.New("no such process")
}
