"""What can go wrong with the local cloud. Every message is one line that says what to do next."""


class LocalCloudError(Exception):
    """Base of everything below; a command prints its message and exits."""


class PortTaken(LocalCloudError):
    """Something else listens on the port that was asked for."""


class MinistackMissing(LocalCloudError):
    """The Python that runs us cannot import ministack or what its functions need."""


class StateFolderForeign(LocalCloudError):
    """The state folder holds something that is not ours, or was laid out by another version of Trueup."""


class StateFolderInUse(LocalCloudError):
    """A living local cloud has the state folder."""


class CloudNotReady(LocalCloudError):
    """ministack ended, or did not answer in time."""


class CloudNotRunning(LocalCloudError):
    """No local cloud runs in the state folder."""


class TemplateUnsupported(LocalCloudError):
    """The template, or the state machine definition, uses something the deployer cannot carry over faithfully."""


class DeployFailed(LocalCloudError):
    """CloudFormation refused the change set, or a resource of it."""


class NothingReceived(LocalCloudError):
    """A subscriber waited for a message that did not come."""
