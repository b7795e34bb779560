"""The numbers of the Vulkan headers that this backend uses, as literals.

The `vulkan` package has a name for most, but some promoted names are missing there and some hold
None; a test compares those that it has. Names are the specification's without the prefix VK_.
Read next: `vk.py`.
"""

from __future__ import annotations

API_1_3 = 1 << 22 | 3 << 12

# --- results ----------------------------------------------------------------------------------
SUCCESS = 0
TIMEOUT = 2
INCOMPLETE = 5
ERROR_OUT_OF_HOST_MEMORY = -1
ERROR_OUT_OF_DEVICE_MEMORY = -2
ERROR_INITIALIZATION_FAILED = -3
ERROR_DEVICE_LOST = -4
ERROR_MEMORY_MAP_FAILED = -5
ERROR_LAYER_NOT_PRESENT = -6
ERROR_EXTENSION_NOT_PRESENT = -7
ERROR_FEATURE_NOT_PRESENT = -8
ERROR_INCOMPATIBLE_DRIVER = -9

# --- structure types --------------------------------------------------------------------------
STRUCTURES = {
    "VkApplicationInfo": 0,
    "VkInstanceCreateInfo": 1,
    "VkDeviceQueueCreateInfo": 2,
    "VkDeviceCreateInfo": 3,
    "VkMemoryAllocateInfo": 5,
    "VkSemaphoreCreateInfo": 9,
    "VkBufferCreateInfo": 12,
    "VkShaderModuleCreateInfo": 16,
    "VkPipelineCacheCreateInfo": 17,
    "VkPipelineShaderStageCreateInfo": 18,
    "VkComputePipelineCreateInfo": 29,
    "VkPipelineLayoutCreateInfo": 30,
    "VkDescriptorSetLayoutCreateInfo": 32,
    "VkDescriptorPoolCreateInfo": 33,
    "VkDescriptorSetAllocateInfo": 34,
    "VkWriteDescriptorSet": 35,
    "VkCommandPoolCreateInfo": 39,
    "VkCommandBufferAllocateInfo": 40,
    "VkCommandBufferBeginInfo": 42,
    "VkPhysicalDeviceVulkan11Features": 49,
    "VkPhysicalDeviceVulkan11Properties": 50,
    "VkPhysicalDeviceVulkan12Features": 51,
    "VkPhysicalDeviceVulkan12Properties": 52,
    "VkPhysicalDeviceVulkan13Features": 53,
    "VkPhysicalDeviceVulkan13Properties": 54,
    "VkPhysicalDeviceFeatures2": 1000059000,
    "VkPhysicalDeviceProperties2": 1000059001,
    "VkPhysicalDeviceMemoryProperties2": 1000059006,
    "VkDebugUtilsMessengerCreateInfoEXT": 1000128004,
    "VkSemaphoreTypeCreateInfo": 1000207002,
    "VkSemaphoreWaitInfo": 1000207004,
    "VkPhysicalDeviceMemoryBudgetPropertiesEXT": 1000237000,
    "VkValidationFeaturesEXT": 1000247000,
    "VkMemoryBarrier2": 1000314000,
    "VkDependencyInfo": 1000314003,
    "VkSubmitInfo2": 1000314004,
    "VkSemaphoreSubmitInfo": 1000314005,
    "VkCommandBufferSubmitInfo": 1000314006,
}

# --- devices, queues and memory ---------------------------------------------------------------
DEVICE_TYPES = {0: "other", 1: "integrated", 2: "discrete", 3: "virtual", 4: "software"}
QUEUE_COMPUTE_BIT = 2
MEMORY_PROPERTY_DEVICE_LOCAL_BIT = 1
MEMORY_PROPERTY_HOST_VISIBLE_BIT = 2
MEMORY_PROPERTY_HOST_COHERENT_BIT = 4
MEMORY_PROPERTY_HOST_CACHED_BIT = 8
BUFFER_USAGE_TRANSFER_SRC_BIT = 1
BUFFER_USAGE_TRANSFER_DST_BIT = 2
BUFFER_USAGE_STORAGE_BUFFER_BIT = 32
SEMAPHORE_TYPE_TIMELINE = 1

# --- shaders, descriptors and commands --------------------------------------------------------
SHADER_STAGE_COMPUTE_BIT = 32
SUBGROUP_FEATURE_SHUFFLE_BIT = 16
PIPELINE_BIND_POINT_COMPUTE = 1
DESCRIPTOR_TYPE_STORAGE_BUFFER = 7
COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT = 2
COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT = 1
COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT = 4
PIPELINE_STAGE_2_COMPUTE_SHADER_BIT = 0x800
PIPELINE_STAGE_2_TRANSFER_BIT = 0x1000  # ALL_TRANSFER
PIPELINE_STAGE_2_HOST_BIT = 0x4000
PIPELINE_STAGE_2_ALL_COMMANDS_BIT = 0x10000
ACCESS_2_SHADER_READ_BIT = 0x20
ACCESS_2_SHADER_WRITE_BIT = 0x40
ACCESS_2_TRANSFER_READ_BIT = 0x800
ACCESS_2_TRANSFER_WRITE_BIT = 0x1000
ACCESS_2_HOST_READ_BIT = 0x2000
ACCESS_2_HOST_WRITE_BIT = 0x4000

# --- validation -------------------------------------------------------------------------------
DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT = 0x100
DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT = 0x1000
DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT = 2
VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT = 4
