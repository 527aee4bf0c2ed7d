"""The process: send jobs in, deliveries driven, jobs settled; the commands, the simulation, the console."""
