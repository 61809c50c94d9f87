module dayfly.dev/e2e/standin

go 1.24
