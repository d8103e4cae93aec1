module acme.example/frequency

go 1.26
